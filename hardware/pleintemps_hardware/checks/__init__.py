"""What a kit's profile, and a configuration on it, must keep: pure functions, one for each rule."""
