SELECT queue, state, sum(delta) FROM stoker_tally GROUP BY queue, state ORDER BY queue;
