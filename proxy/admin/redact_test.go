// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// safe is a message with a secret of every shape, since Config has none yet:
//
//	message Safe {
//	  string name = 1;
//	  bytes key = 2;
//	  string token = 3 [debug_redact = true];
//	  repeated string passwords = 4 [debug_redact = true];
//	  repeated bytes keys = 5;
//	  map<string, bytes> keyring = 6;
//	  map<string, Safe> rooms = 7;
//	  Safe inner = 8;
//	  repeated Safe safes = 9;
//	  Safe hidden = 10 [debug_redact = true];
//	  uint32 pin = 11 [debug_redact = true];
//	  map<string, string> labels = 12;
//	  string absent = 13 [debug_redact = true];
//	}
const safe = `
name: "safe.proto"
message_type {
  name: "Safe"
  field { name: "name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "key" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "token" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL options { debug_redact: true } }
  field { name: "passwords" number: 4 type: TYPE_STRING label: LABEL_REPEATED options { debug_redact: true } }
  field { name: "keys" number: 5 type: TYPE_BYTES label: LABEL_REPEATED }
  field { name: "keyring" number: 6 type: TYPE_MESSAGE type_name: ".Safe.KeyringEntry" label: LABEL_REPEATED }
  field { name: "rooms" number: 7 type: TYPE_MESSAGE type_name: ".Safe.RoomsEntry" label: LABEL_REPEATED }
  field { name: "inner" number: 8 type: TYPE_MESSAGE type_name: ".Safe" label: LABEL_OPTIONAL }
  field { name: "safes" number: 9 type: TYPE_MESSAGE type_name: ".Safe" label: LABEL_REPEATED }
  field { name: "hidden" number: 10 type: TYPE_MESSAGE type_name: ".Safe" label: LABEL_OPTIONAL options { debug_redact: true } }
  field { name: "pin" number: 11 type: TYPE_UINT32 label: LABEL_OPTIONAL options { debug_redact: true } }
  field { name: "labels" number: 12 type: TYPE_MESSAGE type_name: ".Safe.LabelsEntry" label: LABEL_REPEATED }
  field { name: "absent" number: 13 type: TYPE_STRING label: LABEL_OPTIONAL options { debug_redact: true } }
  nested_type {
    name: "KeyringEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL }
  }
  nested_type {
    name: "RoomsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_MESSAGE type_name: ".Safe" label: LABEL_OPTIONAL }
  }
  nested_type {
    name: "LabelsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  }
}`

func TestSecretsAreRedactedAtAnyDepth(t *testing.T) {
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(safe), file); err != nil {
		t.Fatal(err)
	}
	descriptor, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	message := func(text string) proto.Message {
		m := dynamicpb.NewMessage(descriptor.Messages().Get(0))
		if err := prototext.Unmarshal([]byte(text), m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	got := message(`
		name: "front" key: "k" token: "t" passwords: ["p", "q"] keys: ["k"] pin: 1234
		keyring { key: "a" value: "k" } labels { key: "l" value: "v" }
		rooms { key: "r" value { name: "room" token: "t" } }
		inner { name: "inner" key: "k" safes { name: "deep" token: "t" } }
		safes { name: "listed" key: "k" } hidden { name: "hidden" }`)
	redact(got.ProtoReflect())
	want := message(`
		name: "front" token: "[redacted]" passwords: ["[redacted]", "[redacted]"]
		labels { key: "l" value: "v" }
		rooms { key: "r" value { name: "room" token: "[redacted]" } }
		inner { name: "inner" safes { name: "deep" token: "[redacted]" } }
		safes { name: "listed" }`)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("redacted (-want +got):\n%s", diff)
	}
}

// TestFieldsThatSoundSecretAreMarked keeps a field like private_key from coming
// into the config as a plain string.
func TestFieldsThatSoundSecretAreMarked(t *testing.T) {
	sounds := regexp.MustCompile(`key|token|password|passphrase|secret|credential|private`)
	seen := map[protoreflect.FullName]bool{}
	var visit func(m protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			if sounds.MatchString(string(field.Name())) && !secret(field) {
				t.Errorf("%s sounds secret: mark it with debug_redact in push.proto", field.FullName())
			}
			if field.Message() != nil && !secret(field) {
				visit(field.Message())
			}
		}
	}
	visit((&pushv1.Config{}).ProtoReflect().Descriptor())
	if !seen["wye.push.v1.Endpoint"] {
		t.Error("the walk did not reach the endpoints")
	}
}
