SELECT pattern, reason, since FROM stoker.pause ORDER BY pattern;
