"""What trading has brought: figures, tables, CSV and a page. Pure: knows of cycles and orders, not where they lie."""
