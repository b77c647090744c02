-- Compares the SQLSTATE of the last statement with the one expected and prints the verdict.
\set got :SQLSTATE
ROLLBACK;
SELECT :'got' = :'expect' AS held \gset
\if :held
\echo ok :expect - :attack
\else
\echo NOT OK expected :expect got :got - :attack
\endif
