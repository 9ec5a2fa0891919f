"""An MQTT client that runs inside the clean root, on the gateway's Python: says what the broker lets it do.

client.py FOLDER ID [TOPIC PAYLOAD-FILE]: connects with ca.crt and agent.pem (key and certificate) of FOLDER,
publishes, and prints ``{"connected": ..., "answered": ..., "refused": why TLS was}``.
"""

import json
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

PATIENCE_S = 10


def main(folder: Path, name: str, *message: str) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv311)
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "agent.pem")
    # with 1.3 a client is told of a refusal after the handshake, and the reason gets lost
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client.tls_set_context(context)
    said: dict[str, Any] = {"connected": False, "answered": False, "refused": ""}
    settled = threading.Event()

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        said["connected"] = not reason.is_failure
        settled.set()

    def on_end(*_: Any) -> None:
        settled.set()

    client.on_connect, client.on_disconnect, client.on_connect_fail = on_connect, on_end, on_end
    try:
        client.connect("gateway", 8883)
        client.loop_start()
        settled.wait(PATIENCE_S)
        if message and said["connected"]:
            topic, payload = message
            told = client.publish(topic, Path(payload).read_bytes(), qos=1)
            told.wait_for_publish(PATIENCE_S)
            said["answered"] = told.is_published()
        client.disconnect()
        client.loop_stop()
    except ssl.SSLError as error:
        said["refused"] = error.reason
    print(json.dumps(said))


main(Path(sys.argv[1]), *sys.argv[2:])
