"""A local stand-in for the source: same endpoints, same shapes, same traps, invented outages.

`generate.World` computes the answers, `server` serves them over HTTP, `process.replica_process` runs a server beside
a test or the demo. Same seed, same answers, in whatever order they are asked for.
"""
