"""The NETCONF server of a device, from frames to rpcs and operational data; written apart from the agent's client."""
