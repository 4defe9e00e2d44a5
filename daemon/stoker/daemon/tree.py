"""Who works in a daemon, who starts before whom, and what happens when one falls.

    daemon, processes: 1            daemon, processes: N           worker process (N of them)
    ├─ announcer                    ├─ upkeep                      ├─ announcer
    ├─ declarer                     │  ├─ promoter                 ├─ declarer
    ├─ pulse                        │  ├─ sweeper                  ├─ pulse
    ├─ keeper   (own thread)        │  ├─ scheduler                ├─ keeper   (own thread)
    ├─ settler                      │  └─ janitor                  ├─ settler
    ├─ reporter                     └─ workers                     ├─ reporter
    ├─ runs     (drains)                                           ├─ runs     (drains)
    ├─ lanes    lane:…, one each                                   ├─ lanes
    ├─ listener                                                    └─ listener
    └─ upkeep   promoter, sweeper, scheduler, janitor

Started from top to bottom, stopped from bottom to top: no more claims, what has not begun goes back,
runs drain, outcomes are written, and the keeper renews to the end. Every supervisor restarts the one
that fell and nobody else: what they share (mailbox, table of runs) is the workplace's, and stays.
"""

from collections.abc import Sequence

from stoker.brokers.connecting import without_password
from stoker.brokers.protocol import Broker
from stoker.client.when import times_of
from stoker.daemon.actors.announcer import Announcer
from stoker.daemon.actors.declarer import Declarer
from stoker.daemon.actors.janitor import Janitor
from stoker.daemon.actors.keeper import Deliver, Keeper, Renewing
from stoker.daemon.actors.keeper_thread import KeeperThread
from stoker.daemon.actors.lane import Lane
from stoker.daemon.actors.listener import Listener
from stoker.daemon.actors.promoter import Promoter
from stoker.daemon.actors.reporter import Reporter
from stoker.daemon.actors.scheduler import Scheduler
from stoker.daemon.actors.settler import Settler
from stoker.daemon.actors.stall import Pulse, StallWatch
from stoker.daemon.actors.sweeper import Sweeper
from stoker.daemon.children.worker_processes import WorkerProcesses
from stoker.daemon.identity import described
from stoker.daemon.queue_sets import lanes_of
from stoker.daemon.supervision.actor import Actor
from stoker.daemon.supervision.supervisor import Supervisor
from stoker.daemon.surroundings import Surroundings
from stoker.daemon.workplace import Workplace


def whole(place: Workplace) -> Supervisor:
    """A daemon that is one process."""
    return _supervisor("daemon", [*_working(place), upkeep(place.around, place.broker)], place.around)


def worker(place: Workplace) -> Supervisor:
    """A worker process of a daemon that has several."""
    return _supervisor("worker", _working(place), place.around)


def parent(around: Surroundings, broker: Broker) -> tuple[Supervisor, WorkerProcesses]:
    """A daemon that has several processes, and the actor that keeps them."""
    sweeper = _sweeper(around, broker)
    workers = WorkerProcesses(
        settings=around.settings,
        relative_to=around.relative_to,
        emit=around.emit,
        reclaim=sweeper.bury,
        clock=around.clock,
    )
    return _supervisor("daemon", [upkeep(around, broker), workers], around), workers


def producer(place: Workplace) -> Supervisor:
    """A daemon that runs no jobs: it is announced, and stores what news there are."""
    return _supervisor("producer", [_announcer(place), _reporter(place)], place.around)


def upkeep(around: Surroundings, broker: Broker) -> Supervisor:
    """The periodic rounds; any number of daemons may do them at once."""
    settings = around.settings
    return _supervisor(
        "upkeep",
        [
            Promoter(broker=broker, emit=around.emit, clock=around.clock),
            _sweeper(around, broker),
            Scheduler(broker=broker, times=times_of, emit=around.emit, clock=around.clock),
            Janitor(broker=broker, retention=settings.retention, emit=around.emit, clock=around.clock),
        ],
        around,
    )


def _working(place: Workplace) -> list[Actor]:
    around, runs = place.around, place.runs
    settings = around.settings
    pulse = Pulse()

    def make_keeper(broker: Renewing, deliver: Deliver) -> Keeper:
        return Keeper(
            broker=broker,
            runs=runs,
            lease=settings.lease,
            renew_every=settings.renew_every,
            margin=settings.margin,
            deliver=deliver,
            emit=around.emit,
            clock=around.clock,
            store=without_password(settings.broker),
        )

    watch = StallWatch(pulse=pulse, runs=runs, limit=settings.stall_limit, emit=around.emit)
    keeper = KeeperThread(place.keeper_broker, make_keeper, watch)
    settler = Settler(
        broker=place.broker,
        outbox=place.outbox,
        runs=runs,
        emit=around.emit,
        clock=around.clock,
        flush_grace=settings.lease,
    )
    lanes = _lanes(place, keeper)
    listener = Listener(
        broker=place.broker,
        lanes=lanes,
        runs=runs,
        renew_now=keeper.renew_now,
        emit=around.emit,
        clock=around.clock,
    )
    claiming = _supervisor("lanes", lanes, around)
    declarer = Declarer(
        broker=place.broker, declarations=place.declarations, emit=around.emit, clock=around.clock
    )
    saying: list[Actor] = [_announcer(place), declarer]
    return [*saying, pulse, keeper, settler, _reporter(place), runs, claiming, listener]


def _lanes(place: Workplace, keeper: KeeperThread) -> list[Lane]:
    around, runs = place.around, place.runs
    return [
        Lane(
            name,
            queues,
            limit=limit,
            broker=place.broker,
            runs=runs,
            worker=around.name,
            lease=around.settings.lease,
            poll=around.settings.poll,
            gate=lambda: keeper.renewing and not runs.doomed.is_set(),
            emit=around.emit,
            clock=around.clock,
        )
        for name, queues, limit in lanes_of(around.settings.queues)
    ]


def _announcer(place: Workplace) -> Announcer:
    around = place.around
    return Announcer(
        broker=place.broker,
        worker=lambda: described(around, place.runs),
        types=[handler.type_info() for handler in place.handlers.values()],
        every=around.settings.lease,
        emit=around.emit,
        clock=around.clock,
    )


def _reporter(place: Workplace) -> Reporter:
    around = place.around
    return Reporter(
        broker=place.broker,
        runs=place.runs,
        interval=around.settings.progress_flush_interval,
        batch_size=around.settings.progress_flush_batch_size,
        emit=around.emit,
        clock=around.clock,
    )


def _sweeper(around: Surroundings, broker: Broker) -> Sweeper:
    settings = around.settings
    return Sweeper(
        broker=broker,
        lease=settings.lease,
        every=settings.renew_every,
        emit=around.emit,
        clock=around.clock,
    )


def _supervisor(name: str, children: Sequence[Actor], around: Surroundings) -> Supervisor:
    return Supervisor(name, children, emit=around.emit, clock=around.clock)
