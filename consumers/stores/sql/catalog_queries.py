"""Everything the store asks pg_catalog: six statements, whatever the number of tables. PostgreSQL 13 and newer."""

from consumers.stores.sql.names import statement

RELATIONS = statement("""
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, row_security_active(c.oid) AS row_security,
       c.relispartition AS partition,
       -- a hash finds a partition for every value, and so does a default one; an expression may read any column
       (SELECT array_agg(CAST(a.attname AS text)) FROM pg_partitioned_table AS p
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE p.partrelid = c.oid AND p.partstrat <> 'h' AND p.partdefid = 0
          AND (a.attnum = ANY(p.partattrs) OR 0 = ANY(p.partattrs))) AS placed_by
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY({{schemas}}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
""")

COLUMNS = statement("""
SELECT n.nspname AS schema, c.relname AS relation, a.attname AS name, a.attnum AS number,
       tn.nspname AS type_schema, t.typname AS type_name, b.typname AS base, b.typcategory AS category,
       CASE WHEN b.typname IN ('varchar', 'bpchar') AND greatest(a.atttypmod, t.typtypmod) > 4
            THEN greatest(a.atttypmod, t.typtypmod) - 4
            WHEN b.typname = 'numeric' AND greatest(a.atttypmod, t.typtypmod) > 4
            THEN ((greatest(a.atttypmod, t.typtypmod) - 4) >> 16) - ((greatest(a.atttypmod, t.typtypmod) - 4) & 2047)
       END AS length,
       a.attnotnull OR t.typnotnull OR EXISTS (
           SELECT FROM pg_partition_tree(c.oid) AS part
           JOIN pg_attribute AS own ON own.attrelid = part.relid AND own.attname = a.attname
           WHERE own.attnotnull) AS not_null,
       a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
       (SELECT array_agg(CAST(e.enumlabel AS text)) FROM pg_enum AS e WHERE e.enumtypid = b.oid) AS labels,
       EXISTS (SELECT FROM pg_constraint AS k WHERE k.contypid = t.oid) AS checked,
       -- the column depends on them, or its expression does: that is another in each version
       (SELECT array_agg(DISTINCT CAST(s.attname AS text))
        FROM pg_attrdef AS e
        JOIN pg_depend AS d ON (d.classid, d.objid, d.objsubid) IN (
            (CAST('pg_class' AS regclass), a.attrelid, a.attnum), (CAST('pg_attrdef' AS regclass), e.oid, 0))
        JOIN pg_attribute AS s ON s.attrelid = d.refobjid AND s.attnum = d.refobjsubid
        WHERE a.attgenerated <> '' AND e.adrelid = a.attrelid AND e.adnum = a.attnum AND d.refobjid = a.attrelid
          AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjsubid NOT IN (0, a.attnum)) AS sources
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_namespace AS tn ON tn.oid = t.typnamespace
JOIN pg_type AS b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE n.nspname = ANY({{schemas}}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.oid, a.attnum
""")

# here and below: what one partition has for itself stands with the table it is a part of
INDEXES = statement("""
SELECT n.nspname AS schema, o.relname AS relation, x.relname AS name, i.indisunique AS is_unique,
       i.indisprimary AND o.oid = c.oid AS is_primary, i.indpred IS NOT NULL OR o.oid <> c.oid AS partial,
       m.amname AS method, i.indisvalid AS valid,
       (SELECT ARRAY[CAST(cn.nspname AS text), CAST(c.relname AS text)] FROM pg_namespace AS cn
        WHERE cn.oid = c.relnamespace AND o.oid <> c.oid) AS partition,
       pg_get_indexdef(x.oid) AS definition,
       EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.oid AND k.conrelid = c.oid) AS is_constraint,
       coalesce(CAST(to_jsonb(i) ->> 'indnullsnotdistinct' AS boolean), false) AS nulls_equal,
       (SELECT array_agg(coalesce(CAST(a.attname AS text), '') ORDER BY k.position)
        FROM unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k(number, position)
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE k.position <= i.indnkeyatts) AS columns,
       (SELECT array_agg(DISTINCT CAST(a.attname AS text))
        FROM pg_depend AS d JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
        WHERE d.classid = CAST('pg_class' AS regclass) AND d.objid = x.oid
          AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid = c.oid) AS touched
FROM pg_index AS i
JOIN pg_class AS x ON x.oid = i.indexrelid
JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_am AS m ON m.oid = x.relam
JOIN pg_class AS o ON o.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_namespace AS n ON n.oid = o.relnamespace
WHERE n.nspname = ANY({{schemas}})
  AND (o.oid = c.oid OR i.indisunique AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = x.oid))
""")

CHECKS = statement("""
SELECT n.nspname AS schema, o.relname AS relation, k.conname AS name, pg_get_constraintdef(k.oid) AS definition,
       (SELECT ARRAY[CAST(cn.nspname AS text), CAST(c.relname AS text)] FROM pg_namespace AS cn
        WHERE cn.oid = c.relnamespace AND o.oid <> c.oid) AS partition,
       (SELECT array_agg(CAST(a.attname AS text)) FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND (a.attnum = ANY(k.conkey) OR 0 = ANY(k.conkey))) AS columns
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_class AS o ON o.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_namespace AS n ON n.oid = o.relnamespace
WHERE n.nspname = ANY({{schemas}}) AND k.contype IN ('c', 'x') AND (o.oid = c.oid OR k.coninhcount = 0)
""")

# everywhere, because a table of any schema may refer to a customer; a partition's copy of a key is its parent's
FOREIGN_KEYS = statement("""
SELECT k.conname AS name, k.condeferrable AS deferrable, n.nspname AS schema, o.relname AS relation,
       fn.nspname AS target_schema, fo.relname AS target,
       (SELECT array_agg(CAST(a.attname AS text) ORDER BY p.position)
        FROM unnest(k.conkey) WITH ORDINALITY AS p(number, position)
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.number) AS columns,
       (SELECT array_agg(CAST(a.attname AS text) ORDER BY p.position)
        FROM unnest(k.confkey) WITH ORDINALITY AS p(number, position)
        JOIN pg_attribute AS a ON a.attrelid = f.oid AND a.attnum = p.number) AS target_columns
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_class AS o ON o.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_namespace AS n ON n.oid = o.relnamespace
JOIN pg_class AS f ON f.oid = k.confrelid
JOIN pg_class AS fo ON fo.oid = coalesce(pg_partition_root(f.oid), f.oid)
JOIN pg_namespace AS fn ON fn.oid = fo.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
""")

# bits of tgtype: 2 BEFORE, 8 DELETE, 16 UPDATE, 64 INSTEAD OF; ev_type: 2 UPDATE, 4 DELETE
TRIGGERS = statement("""
SELECT n.nspname AS schema, o.relname AS relation, t.tgname AS name, false AS is_rule,
       (SELECT ARRAY[CAST(cn.nspname AS text), CAST(c.relname AS text)] FROM pg_namespace AS cn
        WHERE cn.oid = c.relnamespace AND o.oid <> c.oid) AS partition,
       t.tgtype & 16 > 0 AS on_update, t.tgtype & 8 > 0 AS on_delete, t.tgtype & 66 = 0 AS after,
       pg_get_triggerdef(t.oid) || pg_get_functiondef(t.tgfoid) AS definition
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_class AS o ON o.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_namespace AS n ON n.oid = o.relnamespace
WHERE n.nspname = ANY({{schemas}}) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  AND (o.oid = c.oid OR t.tgparentid = 0)
UNION ALL
SELECT n.nspname, c.relname, w.rulename, true, NULL, w.ev_type = '2', w.ev_type = '4', false, pg_get_ruledef(w.oid)
FROM pg_rewrite AS w JOIN pg_class AS c ON c.oid = w.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY({{schemas}}) AND w.ev_type IN ('2', '4') AND w.ev_enabled <> 'D'
""")

# with every batch: a column, constraint, index, trigger or rule of these tables that is another, or points at them; a
# new partition is one too, for it may bring some of its own
SHAPE = statement("""
WITH named AS (
    SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = {{schema}} AND c.relname = ANY({{tables}})
), t AS (
    SELECT c.oid, c.relkind, c.relrowsecurity FROM pg_class AS c
    WHERE c.oid IN (SELECT oid FROM named UNION SELECT part.relid FROM named, pg_partition_tree(named.oid) AS part)
)
SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
    SELECT concat_ws(',', 'table', oid, relkind, relrowsecurity) AS part FROM t
    UNION ALL
    SELECT concat_ws(',', 'column', a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
                     a.attnotnull, a.attgenerated, a.attidentity)
    FROM pg_attribute AS a WHERE a.attrelid IN (SELECT oid FROM t) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT concat_ws(',', 'index', indexrelid, indisvalid) FROM pg_index WHERE indrelid IN (SELECT oid FROM t)
    UNION ALL
    SELECT concat_ws(',', 'constraint', oid) FROM pg_constraint
    WHERE conrelid IN (SELECT oid FROM t) OR confrelid IN (SELECT oid FROM t)
    UNION ALL
    SELECT concat_ws(',', 'trigger', oid, tgenabled) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM t)
    UNION ALL
    SELECT concat_ws(',', 'rule', oid, ev_enabled) FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM t)
) AS parts
""")
