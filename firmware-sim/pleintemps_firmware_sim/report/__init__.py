"""What is left of a run: JUnit XML for build servers, one HTML page for people."""
