package admin

// SetAuditScan sets how many entries of the audit log one query reads at most.
func SetAuditScan(a *Admin, n int) { a.auditScan = n }
