# The layer with the library cryptography, which generates the key pairs.

resource "aws_lambda_layer_version" "cryptography" {
  layer_name               = "cryptography"
  compatible_architectures = ["arm64"]
  compatible_runtimes      = ["python3.13"]
  filename                 = var.layer
  source_code_hash         = filebase64sha256(var.layer)
}
