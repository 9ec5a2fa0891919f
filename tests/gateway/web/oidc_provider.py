"""A small provider of OpenID Connect, for tests: real keys, real HTTP on the loopback, PKCE checked."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from pleintemps_contract.world import SystemWorld, World
from tests.support.ports import find_free_port

CLIENT, SECRET = "pleintemps", "s3cret/with+signs"


def plain(data: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


class SmallProvider:
    """``claims`` go into the token, over the right ones; ``alg`` signs it, ``none`` and ``HS256`` wrongly."""

    def __init__(self, issuer: str, world: World) -> None:
        self.issuer = issuer
        self.world = world
        self.alg = "RS256"
        self.claims: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "ec-1", "use": "sig"})
        self.hidden = ECKey.generate_key("P-256", {"kid": "ec-1"})  # same name, published by nobody
        self.keys_read = 0
        self.given: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig"})

    def token(self, asked: dict[str, str]) -> str:
        now = self.world.now() // 1000
        claims = {
            "iss": self.issuer,
            "sub": "u-17",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "preferred_username": "Noé Martin",
            "roles": ["staff", "rooms"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.alg == "none":
            return f"{plain({'alg': 'none', 'typ': 'JWT'})}.{plain(claims)}."
        if self.alg == "HS256":  # the public key as a shared secret
            signed = f"{plain({'alg': 'HS256', 'kid': self.rsa.kid, 'typ': 'JWT'})}.{plain(claims)}"
            mac = hmac.digest(self.rsa.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        if self.alg == "hidden":
            return jwt.encode({"alg": "ES256", "kid": "ec-1"}, claims, self.hidden, algorithms=["ES256"])
        key: Any = self.rsa if self.alg == "RS256" else self.ec
        return jwt.encode({"alg": self.alg, "kid": key.kid}, claims, key, algorithms=[self.alg])

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def configuration() -> Any:
            names = ("authorize", "token", "keys", "info", "out")
            keys = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
            keys = (*keys, "end_session_endpoint")  # type: ignore[assignment]
            places = {key: f"{self.issuer}/{name}" for key, name in zip(keys, names, strict=True)}
            return JSONResponse({"issuer": self.issuer} | places)

        @app.get("/authorize")
        def authorize(request: Request) -> Any:
            asked = dict(request.query_params)
            assert asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
            code = f"code-{len(self._codes)}"
            self._codes[code] = asked
            back = {"code": code, "state": asked["state"], "iss": self.issuer}
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

        @app.post("/token")
        async def exchange(request: Request) -> Any:
            form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            asked = self._codes.pop(form.get("code", ""), None)
            wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            proof = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
            good = asked is not None and scheme == "Basic" and given == wanted
            if not good or asked is None or asked["code_challenge"] != proof:
                return JSONResponse({"error": "invalid_grant"}, 400)
            if asked["redirect_uri"] != form.get("redirect_uri"):
                return JSONResponse({"error": "invalid_grant"}, 400)
            self.given.append(self.token(asked))
            token = {"access_token": "at", "token_type": "Bearer", "id_token": self.given[-1]}
            return JSONResponse(token)

        @app.get("/keys")
        def keys() -> Any:
            self.keys_read += 1
            return {"keys": [self.rsa.as_dict(private=False), self.ec.as_dict(private=False)]}

        @app.get("/info")
        def info(request: Request) -> Any:
            assert request.headers["authorization"] == "Bearer at"
            return {"sub": "u-17"} | self.info

        return app


@contextmanager
def serving(world: World) -> Iterator[SmallProvider]:
    """A provider that answers on a free port until the end; ``world`` is the clock of its tokens."""
    port = find_free_port()
    provider = SmallProvider(f"http://127.0.0.1:{port}", world)
    config = uvicorn.Config(provider.app(), port=port, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    clock = SystemWorld()
    deadline = clock.monotonic() + 10_000
    while not server.started and clock.monotonic() < deadline:
        threading.Event().wait(0.01)
    yield provider
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()
