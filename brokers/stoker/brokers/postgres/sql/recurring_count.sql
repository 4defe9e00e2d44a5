SELECT count(*) FROM stoker.recurring;
