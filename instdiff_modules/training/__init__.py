"""Training the pack's own networks around a frozen base: data items, objective, loop, states, files."""
