"""Child processes: isolated jobs, jobs in a child of their own, and worker processes.

One mechanism for all: a fresh interpreter (`spawning`), a socket pair with frames (`frames`, `wire`,
`child`), and an end with the parent, whatever ends that (`parentage`). The entries that run inside a
child are `isolated` and `worker`; everything else here lives in the parent.
"""
