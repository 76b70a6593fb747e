"""The layout document: what it holds, reading, checking, editing and importing it. No torch."""
