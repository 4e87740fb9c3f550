"""A log-in and a handful of statements at MySQL and MariaDB. Only over TLS, without a driver.

https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
https://mariadb.com/kb/en/clientserver-protocol/
"""
