SELECT name, about FROM stoker.type ORDER BY name;
