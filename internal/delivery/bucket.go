package delivery

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"

	"github.com/launchdarkly/go-sdk-common/v3/ldattr"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldreason"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
)

// wholeRollout is how many buckets there are: the shares of a rollout are thousandths of a percent.
const wholeRollout = 100_000

// bucketOf tells which bucket of the rollout that decided an evaluation a context falls into; undefined
// if no rollout decided. It only explains: the evaluation library, which does not say, has decided.
func bucketOf(f *ldmodel.FeatureFlag, reason ldreason.EvaluationReason, who ldcontext.Context) ldvalue.OptionalInt {
	served := f.Fallthrough
	switch i := reason.GetRuleIndex(); {
	case reason.GetKind() == ldreason.EvalReasonRuleMatch && i >= 0 && i < len(f.Rules):
		served = f.Rules[i].VariationOrRollout
	case reason.GetKind() != ldreason.EvalReasonFallthrough:
		return ldvalue.OptionalInt{}
	}
	r := served.Rollout
	if served.Variation.IsDefined() || len(r.Variations) == 0 {
		return ldvalue.OptionalInt{}
	}
	by := r.BucketBy
	if r.IsExperiment() || !by.IsDefined() {
		by = ldattr.NewLiteralRef(ldattr.KeyAttr)
	}
	// A context without the kind or the attribute, or with one that has no single text, is in the first bucket.
	first := ldvalue.NewOptionalInt(0)
	bucketed := who.IndividualContextByKind(r.ContextKind)
	value := bucketed.GetValueForRef(by)
	text := value.StringValue()
	switch {
	case !bucketed.IsDefined():
		return first
	case value.IsInt():
		text = strconv.Itoa(value.IntValue())
	case !value.IsString():
		return first
	}
	from := f.Key + "." + f.Salt
	if seed, ok := r.Seed.Get(); ok {
		from = strconv.Itoa(seed)
	}
	sum := sha1.Sum([]byte(from + "." + text))
	hash, err := strconv.ParseUint(hex.EncodeToString(sum[:])[:15], 16, 64)
	if err != nil {
		return first // hexadecimal digits can be read
	}
	// As SDKs do, with 32 bits: where a share ends they may round differently than 64 bits do.
	at := float32(hash) / float32(0xFFFFFFFFFFFFFFF)
	return ldvalue.NewOptionalInt(min(int(at*wholeRollout), wholeRollout-1))
}
