"""The client: what producers enqueue with, and what operators look and act through."""

from stoker.client.enqueueing import Enqueueing
from stoker.client.managing import Managing
from stoker.client.scheduling import Scheduling


class Client(Enqueueing, Managing, Scheduling):
    """Jobs in a broker: to enqueue, wait for, look at, cancel and retry. For asyncio, on one loop.

    Given a URL it connects when it is entered and closes when it is left. Given a broker, which its
    owner has entered, it uses that, and leaves closing it to the owner.
    """
