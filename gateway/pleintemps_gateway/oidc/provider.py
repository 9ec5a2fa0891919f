"""What is said to a provider of OpenID Connect, and what of its answers is believed.

Authorization code flow with PKCE (RFC 7636), ``state`` and ``nonce``; the identity token is checked by
OpenID Connect Core 1.0, section 3.1.3.7: a signature by a published key under an algorithm of ours, issuer,
audience, authorized party, expiry, age and nonce. Keys are read again when one is unknown, once a minute at
most.
"""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import httpx

from pleintemps_contract.world import World
from pleintemps_gateway.errors import LogInError, SettingsError

from .config import OidcConfig

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Never ``none``, and none whose key is a shared secret."""
_TIMEOUT_S: Final = 10.0
_LEEWAY_S: Final = 60
_KNOWN_MS: Final = 3_600_000
_AGAIN_MS: Final = 60_000


class Begun(NamedTuple):
    """A log-in under way: ``address`` is where the browser goes; the rest is compared when it comes back."""

    address: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """One provider. Any thread may call."""

    def __init__(self, config: OidcConfig, world: World) -> None:
        self._config = config
        self._world = world
        self._metadata: tuple[int, dict[str, Any]] | None = None
        self._keys: tuple[int, dict[str, Any]] | None = None

    def begin(self, back: str) -> Begun:
        """Begin a log-in that comes back to the address ``back``; raises LogInError ``provider``."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        state, nonce, verifier = (self._world.random_bytes(32).hex() for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": back,
            "scope": " ".join(self._config.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return Begun(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", state, nonce, verifier)

    def finish(self, begun: Begun, code: str, back: str, issuer: str = "") -> tuple[dict[str, Any], str]:
        """The claims of who has logged in, and their identity token; raises LogInError ``provider``,
        ``refused`` or ``token``.

        ``issuer`` is what the browser brought with the code (RFC 9207), if anything.
        """
        if issuer and issuer != self._config.issuer:
            raise LogInError("token", "the answer is of another issuer")
        answer = self._exchange(begun, code, back)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise LogInError("token", "the provider gave no identity token")
        claims = self._checked(token, begun.nonce)
        if self._config.role_claim.split(".")[0] not in claims and "userinfo_endpoint" in self._known():
            claims = self._userinfo(str(answer.get("access_token", "")), claims) | claims
        return claims, token

    def leave(self, back: str, hint: str = "") -> str | None:
        """Where a browser goes to log out of the provider as well; None if it has no such place.

        ``hint`` is the identity token: it says whose session ends (OpenID Connect RP-Initiated Logout 1.0).
        """
        endpoint = self._known().get("end_session_endpoint")
        if not isinstance(endpoint, str):
            return None
        asked = {"client_id": self._config.client_id, "post_logout_redirect_uri": back}
        if hint:
            asked["id_token_hint"] = hint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    # --- the provider -----------------------------------------------------------------------------------

    def _known(self) -> dict[str, Any]:
        now = self._world.monotonic()
        if self._metadata is None or now - self._metadata[0] >= _KNOWN_MS:
            found = self._get(f"{self._config.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._config.issuer:
                raise LogInError("provider", "the provider's document is of another issuer")
            self._metadata = (now, found)
        return self._metadata[1]

    def _endpoint(self, name: str) -> str:
        found = self._known().get(name)
        if not isinstance(found, str):
            raise LogInError("provider", f"the provider has no {name}")
        return found

    def _get(self, address: str, token: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = httpx.get(address, timeout=_TIMEOUT_S, headers=headers)
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LogInError("provider", f"the provider does not answer: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise LogInError("provider", "the provider's answer is no object")
        return found

    def _exchange(self, begun: Begun, code: str, back: str) -> dict[str, Any]:
        from authlib.common.errors import AuthlibBaseError
        from authlib.integrations.httpx_client import OAuth2Client

        methods = self._known().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        endpoint = self._endpoint("token_endpoint")
        try:
            with OAuth2Client(
                self._config.client_id,
                read_secret(self._config),
                token_endpoint_auth_method=method,
                redirect_uri=back,
                timeout=_TIMEOUT_S,
            ) as client:
                answer = client.fetch_token(endpoint, code=code, code_verifier=begun.verifier)
        except AuthlibBaseError as error:
            raise LogInError("refused", "the provider refused the code") from error
        except (httpx.HTTPError, ValueError) as error:
            raise LogInError("provider", f"the provider does not answer: {type(error).__name__}") from error
        return dict(answer)

    def _userinfo(self, token: str, claims: Mapping[str, Any]) -> dict[str, Any]:
        found = self._get(self._endpoint("userinfo_endpoint"), token)
        if found.get("sub") != claims["sub"]:
            raise LogInError("token", "the provider tells of somebody else")
        return found

    # --- the identity token -----------------------------------------------------------------------------

    def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        claims = self._verified(token)
        config, now = self._config, self._world.now() / 1000
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience
        if claims.get("iss") != config.issuer:
            raise LogInError("token", "the token is of another issuer")
        if not isinstance(audiences, list) or config.client_id not in audiences:
            raise LogInError("token", "the token is for somebody else")
        if "azp" in claims and claims["azp"] != config.client_id:
            raise LogInError("token", "the token was made for another party")
        if len(audiences) > 1 and "azp" not in claims:
            raise LogInError("token", "the token is for several, and does not say for whom it was made")
        expires, issued = claims.get("exp"), claims.get("iat")
        if not isinstance(expires, int | float) or expires + _LEEWAY_S <= now:
            raise LogInError("token", "the token has expired")
        if not isinstance(issued, int | float) or issued - _LEEWAY_S > now:
            raise LogInError("token", "the token is of the future")
        told = claims.get("nonce")
        if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
            raise LogInError("token", "the token is not of this log-in")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise LogInError("token", "the token names nobody")
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims under a good signature; an unknown key is looked for anew once."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        for fresh in (False, True):
            try:
                keys = KeySet.import_key_set(self._published(fresh=fresh))  # type: ignore[arg-type]
                return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
            except (JoseError, ValueError, TypeError, KeyError) as error:
                fault = error
        raise LogInError("token", "the token's signature is not the provider's") from fault

    def _published(self, *, fresh: bool) -> dict[str, Any]:
        now = self._world.monotonic()
        age = None if self._keys is None else now - self._keys[0]
        if self._keys is None or age is None or age >= _KNOWN_MS or (fresh and age >= _AGAIN_MS):
            found = self._get(self._endpoint("jwks_uri"))
            if not isinstance(found.get("keys"), list):
                raise LogInError("provider", "the provider publishes no keys")
            # a shared secret among them must never verify anything
            public = [key for key in found["keys"] if isinstance(key, dict) and key.get("kty") != "oct"]
            self._keys = (now, {"keys": public})
        return self._keys[1]


def read_secret(config: OidcConfig) -> str:
    """The client's secret; raises SettingsError unless its file is for its owner alone."""
    path = Path(config.secret_file)
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others may read it; chmod 600 it")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {getattr(error, 'strerror', None) or 'no text'}") from error
