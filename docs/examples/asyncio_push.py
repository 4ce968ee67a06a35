"""A push to many routers as tasks of asyncio: asyncio_push.py HOST[:PORT[:SSH_PORT]]..."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import agent

AT_ONCE = 20

stop = threading.Event()
# By this a push hears in its thread that the tasks were cancelled, and finishes or undoes the step at hand.
policy = agent.Policy(stop=stop.wait)


def device(text: str) -> agent.Device:
    host, port, ssh_port, *_ = (*text.split(":"), "830", "22")
    password = agent.Secret.from_env("XR_PASSWORD")
    return agent.Device(host, int(port), int(ssh_port), username="admin", password=password)


def push(router: agent.Device) -> agent.Outcome:
    with agent.bound(run="CHG0042"):
        outcome = agent.remediate(router, policy=policy)
    error = outcome.error
    said = f"{error.message}; next: {error.hint}" if error else f"by {outcome.evidence.value}"
    print(f"{outcome.device}: {outcome.result.value}, {said}")
    return outcome


async def main(routers: list[agent.Device]) -> bool:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            outcomes = await asyncio.gather(*(loop.run_in_executor(pool, push, router) for router in routers))
        except asyncio.CancelledError:
            stop.set()
            raise
    return all(outcome.well for outcome in outcomes)


sys.exit(not asyncio.run(main([device(text) for text in sys.argv[1:]])))
