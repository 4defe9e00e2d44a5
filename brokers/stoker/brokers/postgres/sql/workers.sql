SELECT about, seen_at FROM stoker.worker ORDER BY name;
