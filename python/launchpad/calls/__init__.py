"""Calls between nodes: Client, Server and Future, over the C++ courier. Upstream's name for it is
`courier`.
"""
