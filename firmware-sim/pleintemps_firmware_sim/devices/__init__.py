"""Device firmware, byte for byte. Cores are pure (bytes, scene, now in; bytes out), ``pty`` is their rim."""
