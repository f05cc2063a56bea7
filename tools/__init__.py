"""The command-line tools; installed as `ssh_tools`."""
