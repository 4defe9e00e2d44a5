"""Jobs in Redis or Valkey: a stream per queue and priority, for any number of hosts.

Every key begins with the shard that its queue lies in, `stoker:{00}:` on a single server, up to
`stoker:{15}:` in a cluster:

job:ID           hash: the record; its `token` is the fence, whatever the stream's group says
logs:ID runs:ID  lists: the newest log lines; the history, as worker and run in turns
stream:QUEUE:P   stream: ready jobs in their order; an entry goes when its run is settled
early:QUEUE:P    sorted set by scheduled: ready jobs that came too late for their place in the stream
tails            hash: the last entry of each stream
waiting          hash: how many ready jobs there are, by QUEUE:P
giving           sorted set without scores: queues that have any
due expiring     sorted sets: waiting jobs by when they are due, and by when they expire
leases           sorted set: running jobs by the end of their lease
listed:STATE     sorted sets by created: what listings read (running jobs are found by their leases)
ended:STATE      sorted sets by completed: what retention reads
counts           hash: how many jobs, by queue and state
unique           hash: who holds which key; unique_until those held for a fixed time
tombstones       sorted set: ids of pruned jobs, until when they are known
waited           sorted set: jobs whose end somebody waits for
recurring:ID     hash: a recurring job; recurring_names and recurring_due hold their order
pauses           hash: the patterns of paused queues; each shard has all
workers seen types schema   of the whole store, in the first shard

Times are microseconds since 1970 by the server's clock. Hints go over the channel `stoker:N:hints`, N
being the database.
"""

from stoker.brokers.redis.broker import RedisBroker

__all__ = ["RedisBroker"]
