// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// api answers TokenReviews by token.
type api struct {
	answers map[string]authenticationv1.TokenReviewStatus // token -> answer
	away    bool
	asked   atomic.Int64
	block   chan struct{} // answers wait for it to be closed, if it is not nil
}

func (a *api) Create(ctx context.Context, obj client.Object, _ ...client.CreateOption) error {
	a.asked.Add(1)
	if a.block != nil {
		<-a.block
	}
	if a.away {
		return errors.New("connection refused")
	}
	review := obj.(*authenticationv1.TokenReview)
	review.Status = a.answers[review.Spec.Token]
	return ctx.Err()
}

func user(name string, pods ...string) authenticationv1.TokenReviewStatus {
	status := authenticationv1.TokenReviewStatus{
		Authenticated: true,
		Audiences:     []string{Audience},
		User:          authenticationv1.UserInfo{Username: name},
	}
	if pods != nil {
		status.User.Extra = map[string]authenticationv1.ExtraValue{podNameKey: pods}
	}
	return status
}

func TestIdentityIsWhatTheAPIServerVouchesFor(t *testing.T) {
	elsewhere := user("system:serviceaccount:shop:wye-edge")
	elsewhere.Audiences = []string{"https://kubernetes.default.svc"}
	unaware := user("system:serviceaccount:shop:wye-edge")
	unaware.Audiences = nil
	for _, test := range []struct {
		reason string
		status authenticationv1.TokenReviewStatus
		want   Identity
		valid  bool
	}{
		{
			"a service account", user("system:serviceaccount:shop:wye-edge"),
			Identity{Namespace: "shop", ServiceAccount: "wye-edge"},
			true,
		},
		{
			"of a pod", user("system:serviceaccount:shop:wye-edge", "edge-0"),
			Identity{Namespace: "shop", ServiceAccount: "wye-edge", Pod: "edge-0"},
			true,
		},
		{"not authenticated", authenticationv1.TokenReviewStatus{}, Identity{}, false},
		{"with an error", authenticationv1.TokenReviewStatus{Error: "token has expired"}, Identity{}, false},
		{"for another audience", elsewhere, Identity{}, false},
		{"for no audience", unaware, Identity{}, false},
		{"a person", user("admin"), Identity{}, false},
		{"a service account without a name", user("system:serviceaccount:shop:"), Identity{}, false},
		{"a service account without a namespace", user("system:serviceaccount::wye-edge"), Identity{}, false},
	} {
		tokens := New(&api{answers: map[string]authenticationv1.TokenReviewStatus{"t": test.status}}, "")
		got, err := tokens.Review(t.Context(), "t")
		if errors.Is(err, ErrInvalid) == test.valid {
			t.Errorf("%s: error %v", test.reason, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestTokensOfNoSizeAreNotReviewed(t *testing.T) {
	a := &api{}
	tokens := New(a, "")
	for _, token := range []string{"", strings.Repeat("t", maxToken+1)} {
		if _, err := tokens.Review(t.Context(), token); !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bytes: %v", len(token), err)
		}
	}
	if got := a.asked.Load(); got != 0 {
		t.Errorf("the API server was asked %d times", got)
	}
}

func TestAnswersAreRememberedForAShortTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{answers: map[string]authenticationv1.TokenReviewStatus{"good": user("system:serviceaccount:shop:wye-edge")}}
		tokens := New(a, "")
		for _, test := range []struct {
			reason string
			after  time.Duration
			token  string
			want   int64 // times asked in all
		}{
			{"first", 0, "good", 1},
			{"again", 9 * time.Second, "good", 1},
			{"after ten seconds", time.Second, "good", 2},
			{"a bad one", 0, "bad", 3},
			{"again", time.Second, "bad", 3},
			{"after two seconds", time.Second, "bad", 4},
		} {
			<-time.After(test.after)
			_, err := tokens.Review(t.Context(), test.token)
			if errors.Is(err, ErrInvalid) != (test.token == "bad") {
				t.Errorf("%s: %v", test.reason, err)
			}
			if got := a.asked.Load(); got != test.want {
				t.Errorf("%s: asked %d times, want %d", test.reason, got, test.want)
			}
		}
	})
}

func TestAnAPIServerThatIsAwayIsAskedAgain(t *testing.T) {
	a := &api{away: true, answers: map[string]authenticationv1.TokenReviewStatus{"t": user("system:serviceaccount:shop:wye-edge")}}
	tokens := New(a, "")
	if _, err := tokens.Review(t.Context(), "t"); err == nil || errors.Is(err, ErrInvalid) {
		t.Errorf("while it is away: %v", err)
	}
	a.away = false
	if _, err := tokens.Review(t.Context(), "t"); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		for i := range maxRemembered {
			m.keep(fmt.Sprint(i), Identity{}, ErrInvalid)
		}
		<-time.After(rememberInvalid)
		m.keep("one more", Identity{Namespace: "shop"}, nil)
		if got := len(m.answers); got != 1 {
			t.Errorf("%d answers are kept, want the one that is not over", got)
		}
		for i := range maxRemembered {
			m.keep(fmt.Sprint(i), Identity{}, nil)
		}
		if got := len(m.answers); got > maxRemembered {
			t.Errorf("%d answers are kept, of at most %d", got, maxRemembered)
		}
	})
}

func TestReviewsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{block: make(chan struct{})}
		tokens := New(a, "")
		for i := range maxReviews {
			go tokens.Review(t.Context(), fmt.Sprint(i))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := tokens.Review(ctx, "one more"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more: %v", err)
		}
		if got := a.asked.Load(); got != maxReviews {
			t.Errorf("%d reviews are in flight, want %d", got, maxReviews)
		}
		close(a.block)
	})
}
