"""Log-in by OpenID Connect: code flow with PKCE, state and nonce."""
