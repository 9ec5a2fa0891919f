"""What bytes and edges mean: codecs and rules without a port, a pin or a clock of their own."""
