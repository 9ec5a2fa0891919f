"""Recording a real agent, and playing the recording to another."""
