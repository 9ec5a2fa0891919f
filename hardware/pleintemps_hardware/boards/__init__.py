"""Pin maps of boards, one TOML file each."""
