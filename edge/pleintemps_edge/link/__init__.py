"""The line to the gateway: what is sent and when, what is believed, what is carried out."""
