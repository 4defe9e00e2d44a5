-- No such recurring job any more, if nobody has changed it meanwhile.
-- takes: id, expected
DELETE FROM stoker_recurring WHERE id = :id AND revision = :expected;
