package compat

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// answer is what a successful call of one endpoint looks like.
type answer struct {
	status         int
	representation string // a name in required.json
	free           string // why there is none
	text           string // the type of an answer that is not JSON
	empty          bool   // the body is empty, whatever the status
	endless        bool   // the answer has no end, so that this client does not ask
}

// answers has a line for every endpoint of docs/policies.md.
var answers = map[string]answer{
	"GET /":                {status: 200, representation: "Root"},
	"GET /openapi.json":    {status: 200, free: "the document itself"},
	"GET /versions":        {status: 200, representation: "Versions"},
	"GET /caller-identity": {status: 200, free: "every member is optional"},
	"GET /account":         {status: 200, free: "no generated client knows it"},
	"GET /limits":          {status: 200, free: "muster's own"},
	"POST /access-check":   {status: 200, free: "muster's own"},
	"GET /actions":         {status: 200, free: "muster's own"},
	"GET /tools":           {status: 200, free: "muster's own"},
	"GET /tags":            {status: 200, representation: "Tags"},
	"POST /verify":         {status: 200, free: "muster's own", text: "application/x-ndjson"},

	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs":         {status: 200, representation: "Runs"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}": {status: 200, representation: "Run"},
	"GET /projects/{projectKey}/environments/{environmentKey}/runs":         {status: 200, representation: "Runs"},

	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff":                            {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff/file":                       {status: 200, free: "rows of text", text: "text/csv"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff/contexts/{contextKey}":      {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/rejects":                         {status: 200, free: "rows of text", text: "text/csv"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/release":                        {status: 200, representation: "Run"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/discard":                        {status: 200, representation: "Run"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/hold":                           {status: 200, representation: "Run"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/undo":                            {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/undo":                           {status: 200, representation: "Run"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/imports":                                      {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/imports":                                     {status: 204, free: "no body"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/imports/diff/file":                           {status: 200, free: "rows of text", text: "text/csv"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/imports/{importId}":                           {status: 200, representation: "Import"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports":                                      {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/exports":                                     {status: 200, free: "no body", empty: true},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}":                           {status: 200, representation: "Export"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}/file":                      {status: 200, free: "rows of text", text: "text/csv"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points":                                       {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/diff":                        {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/diff/file":                   {status: 200, free: "rows of text", text: "text/csv"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/generation-moves":                            {status: 202, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/publish":                    {status: 200, free: "muster's own"},
	"PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}":                           {status: 200, free: "muster's own"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/follow":                                      {status: 200, representation: "Segment"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/guard":                                        {status: 200, representation: "Guard"},
	"PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}/guard":                                      {status: 200, representation: "Guard"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/guard/trial":                                 {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/series":                                       {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/flags":                                        {status: 200, free: "muster's own"},
	"POST /projects/{projectKey}/environments/{environmentKey}/flags/{flagKey}/evaluate":                    {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/summary":                                      {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/search":                                       {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/guard":                                        {status: 200, representation: "Guard"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}/guard":                                      {status: 200, representation: "Guard"},
	"POST /projects/{projectKey}/environments/{environmentKey}/guard/trial":                                 {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard":               {status: 200, representation: "Guard"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard":             {status: 200, representation: "Guard"},
	"POST /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard/trial":        {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sources":                                      {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}":                     {status: 200, free: "muster's own"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}":                   {status: 200, free: "muster's own"},
	"DELETE /projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}":                  {status: 204, free: "no body"},
	"GET /projects/{projectKey}/environments/{environmentKey}/followers":                                    {status: 200, representation: "Followers"},
	"POST /projects/{projectKey}/environments/{environmentKey}/resync":                                      {status: 202, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sdks":                                         {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/activity":                                     {status: 200, free: "muster's own", endless: true},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/members":                                      {status: 200, free: "muster's own"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/members/{contextKey}/timeline":                {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/timeline": {status: 200, free: "muster's own"},
	"GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/segments": {status: 200, representation: "ContextSegments"},
	"GET /projects/{projectKey}/environments/{environmentKey}/seen-contexts":                                {status: 200, free: "muster's own"},
	"POST /projects/{projectKey}/environments/{environmentKey}/contexts/search":                             {status: 200, representation: "Contexts"},
	"GET /projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}":          {status: 200, representation: "Contexts"},

	"GET /segments/{projectKey}/{environmentKey}":                                    {status: 200, representation: "Segments"},
	"POST /segments/{projectKey}/{environmentKey}":                                   {status: 201, representation: "Segment"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}":                       {status: 200, representation: "Segment"},
	"PATCH /segments/{projectKey}/{environmentKey}/{segmentKey}":                     {status: 200, representation: "Segment"},
	"DELETE /segments/{projectKey}/{environmentKey}/{segmentKey}":                    {status: 204, free: "no body"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/contexts":             {status: 204, free: "no body"},
	"POST /segments/{projectKey}/{environmentKey}/{segmentKey}/users":                {status: 204, free: "no body"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/contexts/{contextKey}": {status: 200, representation: "Membership"},
	"GET /segments/{projectKey}/{environmentKey}/{segmentKey}/users/{contextKey}":    {status: 200, representation: "Membership"},
	"GET /flags/{projectKey}":                                                        {status: 200, representation: "Flags"},
	"POST /flags/{projectKey}":                                                       {status: 201, representation: "Flag"},
	"GET /flags/{projectKey}/{flagKey}":                                              {status: 200, representation: "Flag"},
	"PATCH /flags/{projectKey}/{flagKey}":                                            {status: 200, representation: "Flag"},
	"POST /flags/{projectKey}/{flagKey}/copy":                                        {status: 201, representation: "Flag"},
	"GET /flags/{projectKey}/{flagKey}/dependent-flags":                              {status: 200, representation: "DependentFlags"},
	"GET /flags/{projectKey}/{environmentKey}/{flagKey}/dependent-flags":             {status: 200, representation: "DependentFlagsInEnvironment"},
	"GET /flag-statuses/{projectKey}/{environmentKey}":                               {status: 200, representation: "FlagStatuses"},
	"GET /flag-statuses/{projectKey}/{environmentKey}/{flagKey}":                     {status: 200, representation: "FlagStatus"},
	"GET /flag-status/{projectKey}/{flagKey}":                                        {status: 200, representation: "FlagStatusEverywhere"},
	"GET /usage/evaluations/{projectKey}/{environmentKey}/{flagKey}":                 {status: 200, representation: "Series"},
	"DELETE /flags/{projectKey}/{flagKey}":                                           {status: 204, free: "no body"},
	"GET /projects":                                                                  {status: 200, representation: "Projects"},
	"POST /projects":                                                                 {status: 201, representation: "ProjectWritten"},
	"GET /projects/{projectKey}":                                                     {status: 200, representation: "Project"},
	"PATCH /projects/{projectKey}":                                                   {status: 200, representation: "ProjectWritten"},
	"DELETE /projects/{projectKey}":                                                  {status: 204, free: "no body"},
	"GET /projects/{projectKey}/environments":                                        {status: 200, representation: "Environments"},
	"POST /projects/{projectKey}/environments":                                       {status: 201, representation: "Environment"},
	"GET /projects/{projectKey}/environments/{environmentKey}":                       {status: 200, representation: "Environment"},
	"PATCH /projects/{projectKey}/environments/{environmentKey}":                     {status: 200, representation: "Environment"},
	"DELETE /projects/{projectKey}/environments/{environmentKey}":                    {status: 204, free: "no body"},
	"POST /projects/{projectKey}/environments/{environmentKey}/flags/evaluate":       {status: 200, representation: "EvaluatedFlags"},
	"POST /projects/{projectKey}/environments/{environmentKey}/segments/evaluate":    {status: 200, representation: "EvaluatedSegments"},
	"GET /projects/{projectKey}/context-kinds":                                       {status: 200, representation: "ContextKinds"},
	"PUT /projects/{projectKey}/context-kinds/{contextKind}":                         {status: 200, representation: "ContextKindPut"},
	"POST /projects/{projectKey}/environments/{environmentKey}/apiKey":               {status: 200, representation: "Environment"},
	"DELETE /projects/{projectKey}/environments/{environmentKey}/apiKey/former":      {status: 200, representation: "Environment"},
	"POST /projects/{projectKey}/environments/{environmentKey}/mobileKey":            {status: 200, representation: "Environment"},
	"GET /projects/{projectKey}/environments/{environmentKey}/sdk-data":              {status: 200, free: "muster's own, in the data model of the SDKs"},
	"PUT /projects/{projectKey}/environments/{environmentKey}/sdk-data":              {status: 204, free: "no body"},
	"POST /session":          {status: 200, free: "muster's own"},
	"GET /session":           {status: 200, free: "muster's own"},
	"DELETE /session":        {status: 204, free: "no body"},
	"DELETE /session/others": {status: 204, free: "no body"},
	"GET /first-run":         {status: 200, free: "muster's own"},
	"POST /first-run":        {status: 200, free: "muster's own"},
	"PUT /session/password":  {status: 204, free: "no body"},

	"GET /tokens":                          {status: 200, representation: "Tokens"},
	"POST /tokens":                         {status: 201, representation: "Token"},
	"GET /tokens/{tokenId}":                {status: 200, representation: "Token"},
	"PATCH /tokens/{tokenId}":              {status: 200, representation: "Token"},
	"DELETE /tokens/{tokenId}":             {status: 204, free: "no body"},
	"POST /tokens/{tokenId}/reset":         {status: 200, representation: "Token"},
	"GET /roles":                           {status: 200, representation: "Roles"},
	"POST /roles":                          {status: 201, representation: "Role"},
	"GET /roles/{roleKey}":                 {status: 200, representation: "Role"},
	"PATCH /roles/{roleKey}":               {status: 200, representation: "Role"},
	"DELETE /roles/{roleKey}":              {status: 204, free: "no body"},
	"GET /members":                         {status: 200, representation: "Members"},
	"POST /members":                        {status: 201, representation: "Members"},
	"GET /members/{memberId}":              {status: 200, representation: "Member"},
	"PATCH /members/{memberId}":            {status: 200, representation: "Member"},
	"PUT /members/{memberId}/password":     {status: 204, free: "no body"},
	"DELETE /members/{memberId}":           {status: 204, free: "no body"},
	"GET /webhooks":                        {status: 200, representation: "Webhooks"},
	"POST /webhooks":                       {status: 200, representation: "Webhook"},
	"GET /webhooks/{webhookId}":            {status: 200, representation: "Webhook"},
	"PATCH /webhooks/{webhookId}":          {status: 200, representation: "Webhook"},
	"DELETE /webhooks/{webhookId}":         {status: 204, free: "no body"},
	"GET /webhooks/{webhookId}/deliveries": {status: 200, free: "muster's own"},
	"POST /webhooks/{webhookId}/test":      {status: 200, free: "muster's own"},

	"GET /auditlog":           {status: 200, representation: "AuditEntries"},
	"POST /auditlog":          {status: 200, representation: "AuditEntries"},
	"GET /auditlog/{entryId}": {status: 200, representation: "AuditEntry"},

	"GET /account/relay-auto-configs":                        {status: 200, representation: "RelayConfigs"},
	"POST /account/relay-auto-configs":                       {status: 201, representation: "RelayConfig"},
	"GET /account/relay-auto-configs/{relayConfigId}":        {status: 200, representation: "RelayConfig"},
	"PATCH /account/relay-auto-configs/{relayConfigId}":      {status: 200, representation: "RelayConfig"},
	"DELETE /account/relay-auto-configs/{relayConfigId}":     {status: 204, free: "no body"},
	"POST /account/relay-auto-configs/{relayConfigId}/reset": {status: 200, representation: "RelayConfig"},

	"GET /projects/{projectKey}/payload-filters":                       {status: 200, representation: "PayloadFilters"},
	"POST /projects/{projectKey}/payload-filters":                      {status: 201, representation: "PayloadFilter"},
	"GET /projects/{projectKey}/payload-filters/{payloadFilterKey}":    {status: 200, representation: "PayloadFilter"},
	"PATCH /projects/{projectKey}/payload-filters/{payloadFilterKey}":  {status: 200, representation: "PayloadFilter"},
	"DELETE /projects/{projectKey}/payload-filters/{payloadFilterKey}": {status: 204, free: "no body"},

	"GET " + sinks: {status: 200, representation: "Sinks"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}":                         {status: 201, representation: "Sink"},
	"GET " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}":          {status: 200, representation: "Sink"},
	"PATCH " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}":        {status: 200, representation: "Sink"},
	"DELETE " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}":       {status: 204, free: "no body"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/test":                    {status: 200, free: "muster's own"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/test":    {status: 200, free: "muster's own"},
	"GET " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/status":   {status: 200, free: "muster's own"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/verify":  {status: 202, free: "muster's own"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/rebuild": {status: 202, free: "muster's own"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/pause":   {status: 200, free: "muster's own"},
	"POST " + sinks + "/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/resume":  {status: 200, free: "muster's own"},
}

// sinks is where persistent store integrations are.
const sinks = "/integration-capabilities/big-segment-store"

// documented returns the endpoints of docs/policies.md.
func documented(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, row := range regexp.MustCompile("(?m)^\\| ([A-Z]+) \\| `(/[^`]*)` \\|").FindAllSubmatch(page, -1) {
		list = append(list, string(row[1])+" "+string(row[2]))
	}
	if len(list) < 30 {
		t.Fatalf("docs/policies.md lists %d endpoints; was its table changed?", len(list))
	}
	return list
}
