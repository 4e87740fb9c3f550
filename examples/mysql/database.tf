# The server. RDS creates and rotates the administrator's password, so it isn't in Terraform's state.

resource "aws_db_subnet_group" "this" {
  name       = "shop"
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118:An example without enhanced monitoring is shorter
  #checkov:skip=CKV_AWS_129:An example without exported logs is shorter
  #checkov:skip=CKV_AWS_157:An example in one zone costs less
  #checkov:skip=CKV_AWS_161:The example is about a password
  #checkov:skip=CKV_AWS_226:The provider's default is true
  #checkov:skip=CKV_AWS_293:An example must be easy to destroy
  #checkov:skip=CKV_AWS_353:An example without performance insights is shorter
  #checkov:skip=CKV2_AWS_30:An example without exported logs is shorter
  #checkov:skip=CKV2_AWS_60:An example leaves no snapshot
  allocated_storage           = 20
  db_name                     = "reports"
  db_subnet_group_name        = aws_db_subnet_group.this.name
  engine                      = "mysql"
  identifier                  = "shop"
  instance_class              = "db.t4g.micro"
  manage_master_user_password = true
  port                        = var.port
  skip_final_snapshot         = true
  storage_encrypted           = true
  username                    = "dba"
  vpc_security_group_ids      = [aws_security_group.database.id]
}
