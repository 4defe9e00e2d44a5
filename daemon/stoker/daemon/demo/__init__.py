"""`stoker demo`: a real daemon, real mails and reports, and a check that all came out right."""
