// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namerd/kubernetes"
)

// The story of the article, over objects: a table is made and changed by the API and
// by kubectl, and each side sees what the other did.
func TestBothSidesSeeOneState(t *testing.T) {
	r := start(t, nil)
	r.expect(r.ask(r.editor, "POST", "dtabs/web", "/cluster => /$/inet/127.1 ; /svc/redis => /cluster/6379 ;"), 204, "")
	columns := "jsonpath={range .spec.dentries[*]}{.prefix} => {.dst} ; {end}"
	if got, want := r.kubectl("", "get", "dtab", "web", "-o", columns), "/cluster => /$/inet/127.1 ; /svc/redis => /cluster/6379 ; "; got != want {
		t.Errorf("kubectl get prints %q, want %q", got, want)
	}
	table := r.watch("dtabs/web?watch=true")
	r.next(table, "/cluster=>/$/inet/127.1;/svc/redis=>/cluster/6379")
	addr := r.watch("resolve/web?path=/svc/redis&watch=true")
	r.next(addr, `{"type":"bound","addrs":[{"ip":"127.0.0.1","port":6379,"meta":{}}],"meta":{}}`)

	r.kubectl(`{"apiVersion":"wye.dev/v1alpha1","kind":"Dtab","metadata":{"name":"web"},"spec":{"dentries":[
		{"prefix":"/cluster","dst":"/$/inet/127.1"},{"prefix":"/svc/redis","dst":"1 * /cluster/6380 | !"}]}}`, "replace", "-f", "-")
	r.next(table, "/cluster=>/$/inet/127.1;/svc/redis=>/cluster/6380 | !")
	r.next(addr, `{"type":"bound","addrs":[{"ip":"127.0.0.1","port":6380,"meta":{}}],"meta":{}}`)
	r.expect(r.ask("", "GET", "dtabs/web", ""), 200, "/cluster=>/$/inet/127.1;/svc/redis=>/cluster/6380 | !")

	r.expect(r.ask(r.editor, "DELETE", "dtabs/web", ""), 204, "")
	if got := r.kubectl("", "get", "dtabs", "-o", "name"); got != "" {
		t.Errorf("kubectl get prints %q after the deletion", got)
	}
	r.next(addr, `{"type":"neg"}`)
	r.expect(r.ask("", "GET", "dtabs/web", ""), 404, "")
	r.kubectl(`{"apiVersion":"wye.dev/v1alpha1","kind":"Dtab","metadata":{"name":"web"},"spec":{"dentries":[
		{"prefix":"/svc","dst":"/$/inet"}]}}`, "create", "-f", "-")
	r.next(table, "/svc=>/$/inet")
}

func TestWhatIsWrittenIsReadAtOnce(t *testing.T) {
	r := start(t, nil)
	for i := range 20 {
		text := fmt.Sprintf("/a=>/b%d", i)
		r.expect(r.ask(r.editor, "PUT", "dtabs/a", text), 204, "")
		r.expect(r.ask("", "GET", "dtabs/a", ""), 200, text)
		if i%5 == 4 {
			r.expect(r.ask(r.editor, "DELETE", "dtabs/a", ""), 204, "")
			r.expect(r.ask("", "GET", "dtabs/a", ""), 404, "")
		}
	}
}

func TestVersionsAreOfTheSpec(t *testing.T) {
	r := start(t, nil)
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/b"), 204, "")
	first := r.ask("", "GET", "dtabs/a", "").etag
	if _, err := base64.StdEncoding.DecodeString(first); err != nil || first == "" {
		t.Fatalf("ETag %q: %v", first, err)
	}

	// The controller says something about the table: no other version.
	var d v1alpha1.Dtab
	key := types.NamespacedName{Namespace: r.namespace, Name: "a"}
	must(t, r.Get(t.Context(), key, &d))
	before := d.ResourceVersion
	d.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Ready", LastTransitionTime: metav1.NewTime(time.Unix(1, 0))}}
	must(t, r.Status().Update(t.Context(), &d))
	if d.ResourceVersion == before {
		t.Fatal("the status was not written")
	}
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/c", "If-Match", first), 204, "")

	// Now it is another.
	second := r.ask("", "HEAD", "dtabs/a", "").etag
	if second == first || second == "" {
		t.Errorf("versions %q and %q", first, second)
	}
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/d", "If-Match", first), 412, "")
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/d", "If-Match", "yolo"), 412, "")
	r.expect(r.ask(r.editor, "PUT", "dtabs/b", "/a=>/d", "If-Match", first), 404, "")

	// Also of one that takes its place.
	r.expect(r.ask(r.editor, "DELETE", "dtabs/a", ""), 204, "")
	r.expect(r.ask(r.editor, "DELETE", "dtabs/a", ""), 404, "")
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/b"), 204, "")
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/b"), 409, "")
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/d", "If-Match", first), 412, "")
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/d"), 204, "")
}

func TestOneOfManyWritersOfAVersionWins(t *testing.T) {
	r := start(t, nil)
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/b"), 204, "")
	version := r.ask("", "GET", "dtabs/a", "").etag
	var group sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		group.Go(func() {
			codes[i] = r.ask(r.editor, "PUT", "dtabs/a", fmt.Sprintf("/a=>/c%d", i), "If-Match", version).code
		})
	}
	group.Wait()
	won := 0
	for _, code := range codes {
		switch code {
		case 204:
			won++
		case 412:
		default:
			t.Errorf("code %d", code)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won: %v", won, codes)
	}
	// Without a version all of them do.
	for i := range codes {
		group.Go(func() { codes[i] = r.ask(r.editor, "PUT", "dtabs/new", fmt.Sprintf("/a=>/c%d", i)).code })
	}
	group.Wait()
	for _, code := range codes {
		if code != 204 {
			t.Errorf("codes %v", codes)
			break
		}
	}
}

func TestWritersNeedPermission(t *testing.T) {
	r := start(t, nil)
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/b"), 204, "")
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		r.expect(r.ask("", method, "dtabs/a", "/a=>/c"), 401, "a bearer token is needed")
		r.expect(r.ask("nonsense", method, "dtabs/a", "/a=>/c"), 401, "")
		r.expect(r.ask(strings.Repeat("x", 20<<10), method, "dtabs/a", "/a=>/c"), 401, "")
		r.expect(r.ask(r.viewer, method, "dtabs/a", "/a=>/c"), 403, r.namespace+":viewer")
		r.expect(r.ask(r.stranger, method, "dtabs/a", "/a=>/c"), 403, r.namespace+":stranger")
		r.expect(r.ask(r.editor, method, "dtabs/kube-system/a", "/a=>/c"), 403, "kube-system")
	}
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "", "Authorization", "Basic "+r.editor), 401, "")
	// namerctl can send a token as the password of a base URL.
	for token, code := range map[string]int{"": 401, "nonsense": 401, "a\r\nb": 401, r.viewer: 403, r.editor: 204} {
		password := base64.StdEncoding.EncodeToString([]byte("namerctl:" + token))
		r.expect(r.ask("", "PUT", "dtabs/a", "/a=>/b", "Authorization", "Basic "+password), code, "")
	}
	// On loopback everybody reads.
	r.expect(r.ask("", "GET", "dtabs/a", ""), 200, "/a=>/b")
	r.expect(r.ask("", "GET", "dtabs", ""), 200, `"a"`)
}

func TestReadersNeedPermissionElsewhere(t *testing.T) {
	r := start(t, certificate(t))
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/$/inet/1"), 204, "")
	for _, path := range []string{
		"dtabs/a", "dtabs/" + r.namespace + "/a", "dtabs/a?watch=true", "bind/a?path=/a", "resolve/a?path=/a",
		"delegate/a?path=/a", "delegate?namespace=a&path=/a",
	} {
		r.expect(r.ask("", "GET", path, ""), 401, "a bearer token is needed")
		r.expect(r.ask("nonsense", "GET", path, ""), 401, "")
		r.expect(r.ask(r.stranger, "GET", path, ""), 403, "this token may not get dtabs.wye.dev "+r.namespace+"/a")
		if !strings.Contains(path, "watch") {
			r.expect(r.ask(r.viewer, "GET", path, ""), 200, "")
		}
	}
	for _, path := range []string{"dtabs", "dtabs/A", "addr/a?path=/a", "bound-names", "delegate?path=/a"} {
		r.expect(r.ask("", "GET", path, ""), 401, "")
		r.expect(r.ask(r.viewer, "GET", path, ""), 403, "this token may not list all dtabs.wye.dev")
	}
	r.expect(r.ask(r.viewer, "GET", "dtabs/kube-system/a", ""), 403, "kube-system/a")
	r.expect(r.ask(r.viewer, "HEAD", "dtabs/a", ""), 200, "")
	r.expect(r.ask(r.stranger, "HEAD", "dtabs/a", ""), 403, "")
}

func TestNames(t *testing.T) {
	r := start(t, nil)
	other := r.newNamespace()
	must(t, r.Create(t.Context(), &v1alpha1.Dtab{
		ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "b"},
		Spec:       v1alpha1.DtabSpec{Dentries: []v1alpha1.Dentry{{Prefix: "/b", Dst: "/c"}}},
	}))
	r.expect(r.ask(r.editor, "PUT", "dtabs/"+r.namespace+"/a.b", "/a=>/b"), 204, "")
	r.expect(r.ask("", "GET", "dtabs/a.b", ""), 200, "/a=>/b")
	r.expect(r.ask("", "GET", "dtabs/"+r.namespace+"/a.b", ""), 200, "/a=>/b")
	r.next(r.watch("dtabs/"+other+"/b?watch=true"), "/b=>/c")
	list := r.ask("", "GET", "dtabs", "").body
	if !strings.Contains(list, `"a.b"`) || !strings.Contains(list, `"`+other+`/b"`) {
		t.Errorf("the list is %s", list)
	}
	for _, name := range []string{"A", "a_b", "a%20b", "-", "a/b/c", "A/b", "/a", "a/", strings.Repeat("a", 300)} {
		for _, method := range []string{"PUT", "POST"} {
			r.expect(r.ask(r.editor, method, "dtabs/"+name, "/a=>/b"), 400, "cannot be")
		}
		r.expect(r.ask("", "GET", "dtabs/"+name, ""), 404, "")
		r.expect(r.ask(r.editor, "DELETE", "dtabs/"+name, ""), 404, "")
		r.expect(r.ask("", "GET", "bind/"+name+"?path=/a", ""), 200, `{"type":"neg"}`)
	}
}

func TestWhatTheClusterCannotHoldIsRefused(t *testing.T) {
	r := start(t, nil)
	admin := r.account("admin")
	r.kubectl("", "create", "clusterrolebinding", r.namespace, "--clusterrole=cluster-admin", "--serviceaccount="+r.namespace+":admin")
	r.expect(r.ask(admin, "POST", "dtabs/missing-namespace/a", "/a=>/b"), 400, `namespaces "missing-namespace" not found`)
	r.expect(r.ask(admin, "PUT", "dtabs/missing-namespace/a", "/a=>/b"), 400, `namespaces "missing-namespace" not found`)
	r.expect(r.ask(admin, "PUT", "dtabs/a", "/"+strings.Repeat("a", 3000)+"=>/b"), 400, "spec.dentries[0].prefix")
}

func TestTextsKeepTheirWeightsAndTheirForm(t *testing.T) {
	r := start(t, nil)
	must(t, r.Create(t.Context(), &v1alpha1.Dtab{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "a", Labels: map[string]string{"team": "x"}},
		Spec: v1alpha1.DtabSpec{Dentries: []v1alpha1.Dentry{
			{Prefix: "/svc", Dst: "9 * /cluster/redis1   & 1 * /cluster/redis2"},
			{Prefix: "/gone", Dst: "/x"},
		}},
	}))
	r.next(r.watch("dtabs/a?watch=true"), "/svc=>9.00*/cluster/redis1 & /cluster/redis2;/gone=>/x")
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/new => 0.001*/a & 2.675*/b ; /svc=>9.00*/cluster/redis1 & /cluster/redis2"), 204, "")
	var d v1alpha1.Dtab
	must(t, r.Get(t.Context(), types.NamespacedName{Namespace: r.namespace, Name: "a"}, &d))
	want := []v1alpha1.Dentry{
		{Prefix: "/new", Dst: "0.001*/a & 2.675*/b"},
		{Prefix: "/svc", Dst: "9 * /cluster/redis1   & 1 * /cluster/redis2"},
	}
	if diff := cmp.Diff(want, d.Spec.Dentries); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if d.Labels["team"] != "x" {
		t.Errorf("labels %v", d.Labels)
	}
}

// A table that is spoilt by kubectl goes on in its last good form; it cannot be
// replaced as if it had not been.
func TestABadObjectLeavesTheLastGoodForm(t *testing.T) {
	r := start(t, nil)
	r.expect(r.ask(r.editor, "POST", "dtabs/a", "/a=>/$/inet/1"), 204, "")
	version := r.ask("", "GET", "dtabs/a", "").etag
	r.kubectl("", "patch", "dtab", "a", "--type=merge", "-p", `{"spec":{"dentries":[{"prefix":"/a","dst":"???"}]}}`)
	r.kubectl("", "create", "-f", "../../config/samples/v1alpha1_dtab.yaml") // the news of this comes after
	names := r.watch("dtabs?watch=true")
	for strings.Count(names.Text(), `"default"`) == 0 && names.Scan() {
	}
	r.expect(r.ask("", "GET", "dtabs/a", ""), 200, "/a=>/$/inet/1")
	r.expect(r.ask("", "GET", "bind/a?path=/a", ""), 200, `"port":1`)
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/b", "If-Match", version), 412, "")
	r.expect(r.ask(r.editor, "PUT", "dtabs/a", "/a=>/b"), 204, "")
	r.expect(r.ask("", "GET", "dtabs/a", ""), 200, "/a=>/b")
}

func TestItIsNotOpenToOthersWithoutTLS(t *testing.T) {
	for address, good := range map[string]bool{
		"127.0.0.1:4180": true, "127.1.2.3:0": true, "[::1]:4180": true, "localhost:4180": true,
		":4180": false, "0.0.0.0:4180": false, "[::]:4180": false, "10.0.0.1:4180": false, "example.com:4180": false, "4180": false, "": false,
	} {
		_, err := kubernetes.New(kubernetes.Options{Cluster: &rest.Config{Host: "https://127.0.0.1:1"}, Namespace: "default", Address: address})
		if (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}
