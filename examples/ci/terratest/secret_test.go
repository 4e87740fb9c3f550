// Applies a root module in a test account, rotates its secret, and destroys it again.
package secret

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/gruntwork-io/terratest/modules/terraform"
	"github.com/stretchr/testify/require"
)

func TestTheSecretRotates(t *testing.T) {
	ctx := t.Context()
	options := &terraform.Options{
		TerraformDir: "../../random-value",
		Vars:         map[string]any{"recovery_window_in_days": 0},
		NoColor:      true,
	}
	// The test's own context has ended by then.
	defer terraform.DestroyContext(t, context.Background(), options)
	terraform.InitAndApplyAndIdempotentContext(t, ctx, options)

	account, err := config.LoadDefaultConfig(ctx)
	require.NoError(t, err)
	client := secretsmanager.NewFromConfig(account)
	secret := terraform.OutputContext(t, ctx, options, "secret_arn")
	current := func() string {
		value, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret})
		if err != nil {
			return ""
		}
		return *value.VersionId
	}
	require.Eventually(t, func() bool { return current() != "" }, 5*time.Minute, time.Second)

	started, err := client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &secret})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return current() == *started.VersionId }, 5*time.Minute, time.Second)
	require.Equal(t, 0, terraform.PlanExitCodeContext(t, ctx, options), "a rotation must leave the plan empty")
}
