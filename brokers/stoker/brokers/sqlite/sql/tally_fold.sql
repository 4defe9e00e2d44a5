DELETE FROM stoker_tally RETURNING queue, state, delta;
