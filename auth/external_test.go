package auth

import "testing"

func TestExternal_WithoutIdentityTheResponseIsEmptyAndThere(t *testing.T) {
	for _, identity := range []string{"", "boss@example.com"} {
		name, initial, err := clientOf(t, Credentials{Mechanism: "EXTERNAL", Identity: identity}).Start()
		if name != "EXTERNAL" || initial == nil || string(initial) != identity || err != nil {
			t.Errorf("%s %v %v", name, initial, err)
		}
	}
}
