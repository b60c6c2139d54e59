-- Which history rows between two numbers, both inclusive, are in the table.
SELECT history_id
FROM workout_classification_history
WHERE history_id BETWEEN :first AND :last
ORDER BY history_id
