"""What several methods do beside their own action, and what follows it: upload a file, verify, renew."""
