"""NETCONF (RFC 6241) over SSH (RFC 6242): transport, session, capabilities, schema, payloads, retries."""
