package delivery

import (
	"fmt"
	"testing"

	"github.com/launchdarkly/go-sdk-common/v3/ldattr"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
)

// What is told must be what the library decided by: the variation served is the one whose share the
// bucket lies in.
func TestBucketsAreThoseThatTheLibraryDecidesBy(t *testing.T) {
	parts := []ldmodel.WeightedVariation{ldbuilders.Bucket(0, 33_000), ldbuilders.Bucket(1, 17_000), ldbuilders.Bucket(2, 50_000)}
	rollout := func(edit func(*ldmodel.Rollout)) ldmodel.VariationOrRollout {
		r := ldbuilders.Rollout(parts...)
		edit(&r.Rollout)
		return r
	}
	for name, serve := range map[string]ldmodel.VariationOrRollout{
		"by key":              ldbuilders.Rollout(parts...),
		"by a seed":           rollout(func(r *ldmodel.Rollout) { r.Seed = ldvalue.NewOptionalInt(61) }),
		"by a text":           rollout(func(r *ldmodel.Rollout) { r.BucketBy = ldattr.NewLiteralRef("text") }),
		"by a number":         rollout(func(r *ldmodel.Rollout) { r.BucketBy = ldattr.NewLiteralRef("number") }),
		"by a fraction":       rollout(func(r *ldmodel.Rollout) { r.BucketBy = ldattr.NewLiteralRef("fraction") }),
		"by what nobody has":  rollout(func(r *ldmodel.Rollout) { r.BucketBy = ldattr.NewLiteralRef("nothing") }),
		"of another kind":     rollout(func(r *ldmodel.Rollout) { r.ContextKind = "org" }),
		"experiment by a key": ldbuilders.Experiment(ldvalue.NewOptionalInt(7), parts...),
	} {
		t.Run(name, func(t *testing.T) {
			flag := ldbuilders.NewFlagBuilder("f").On(true).Salt("salt").Variations(ldvalue.Int(0), ldvalue.Int(1), ldvalue.Int(2)).
				AddRule(ldbuilders.NewRuleBuilder().Clauses(ldbuilders.Clause("odd", ldmodel.OperatorIn, ldvalue.Bool(true))).VariationOrRollout(serve)).
				Fallthrough(serve).Build()
			e := evaluation.NewEvaluator(&told{Snapshot: &Snapshot{}})
			for i := range 500 {
				who := ldcontext.NewBuilder(fmt.Sprint("context-", i)).SetString("text", fmt.Sprint("text-", i)).SetInt("number", i).
					SetFloat64("fraction", float64(i)+0.5).SetBool("odd", i%2 == 1).Build()
				d := e.Evaluate(&flag, who, nil).Detail
				bucket, ok := bucketOf(&flag, d.Reason, who).Get()
				part, rest := 0, bucket
				for ; part < len(parts)-1 && rest >= parts[part].Weight; part++ {
					rest -= parts[part].Weight
				}
				if !ok || bucket < 0 || bucket >= wholeRollout || part != d.VariationIndex.IntValue() {
					t.Fatalf("context %d is served variation %d, but its bucket is %d (%t)", i, d.VariationIndex.IntValue(), bucket, ok)
				}
			}
		})
	}
}

func TestNoBucketWithoutARollout(t *testing.T) {
	flag := ldbuilders.NewFlagBuilder("f").On(true).Variations(ldvalue.Bool(true)).FallthroughVariation(0).AddTarget(0, "ann").Build()
	off := ldbuilders.NewFlagBuilder("f").Variations(ldvalue.Bool(true)).OffVariation(0).Fallthrough(ldbuilders.Rollout(ldbuilders.Bucket(0, wholeRollout))).Build()
	for _, c := range []struct {
		flag ldmodel.FeatureFlag
		key  string
	}{{flag, "ann"}, {flag, "bob"}, {off, "bob"}} {
		who := ldcontext.New(c.key)
		reason := evaluation.NewEvaluator(&told{Snapshot: &Snapshot{}}).Evaluate(&c.flag, who, nil).Detail.Reason
		if bucket := bucketOf(&c.flag, reason, who); bucket.IsDefined() {
			t.Errorf("%s (%s) has the bucket %d", c.key, reason, bucket.IntValue())
		}
	}
}
