"""What happens while sampling: the patches on the UNet, their schedule, branches and merges."""
