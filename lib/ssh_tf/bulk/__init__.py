"""More pictures than one machine can do: listed once, divided into shards, each the work of one process somewhere."""
