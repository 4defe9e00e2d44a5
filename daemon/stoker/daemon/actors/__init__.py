"""What works in a daemon. Each does one thing; `stoker.daemon.tree` says who depends on whom."""
