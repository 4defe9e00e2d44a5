SELECT coalesce(max(seq) - min(seq), 0) FROM stoker_tally;
