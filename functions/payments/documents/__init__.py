"""Documents: receipts, invoices and credit notes with numbers without gaps, and who they are made out to."""
