"""What several suites share: accounts on each kind of server, wires, doubles, processes."""
