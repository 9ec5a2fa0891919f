"""Run by Home Assistant's own environment: judges components, renders templates. Reads and writes JSON.

{"components": [[platform, {...}]], "templates": [[template, value]]}
{"components": [[complaint, [keys that it does not know]]], "templates": [text]}
"""

import contextlib
import json
import sys
from typing import Any


def components(asked: list[Any]) -> list[Any]:
    import voluptuous  # type: ignore[import-not-found]
    from homeassistant.components.mqtt import binary_sensor, lock, sensor  # type: ignore[import-not-found]

    schemas = {"binary_sensor": binary_sensor, "lock": lock, "sensor": sensor}
    found: list[Any] = []
    for platform, component in asked:
        try:
            taken = schemas[platform].DISCOVERY_SCHEMA(component)
            # Home Assistant drops a key that it does not know without a word
            found.append(["", sorted(component.keys() - taken.keys())])
        except voluptuous.Invalid as error:
            found.append([str(error), []])
    return found


def templates(asked: list[Any]) -> list[str]:
    from homeassistant.helpers.template import TemplateEnvironment  # type: ignore[import-not-found]

    environment = TemplateEnvironment(None, False, False, None)
    found = []
    for template, value in asked:
        variables = {"value": value}
        with contextlib.suppress(ValueError):
            variables["value_json"] = json.loads(value)
        found.append(environment.from_string(template).render(variables).strip())
    return found


if __name__ == "__main__":
    question = json.load(sys.stdin)
    answer = {
        "components": components(question["components"]),
        "templates": templates(question["templates"]),
    }
    json.dump(answer, sys.stdout)
