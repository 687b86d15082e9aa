// Publishes a deposit and a purchase for one account, in the documented shape, and waits until the broker has confirmed both.
//
//	RABBITMQ_URL=amqp://… go run . <account id>
//
// The account has to be there (`npx paygate drive --count 100` makes some). What becomes of them: `npx paygate account <account id>`.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// All transactions of an account, refunds included, go into one queue: order is kept only within a queue.
const queue = "transactions_queue"

// Transaction is contract/transaction-documented.schema.json; every field of it is described in docs/CONTRACT.md.
type Transaction struct {
	// Chosen by us: what is published again under the same id is carried out once.
	TransactionID string `json:"transaction_id"`
	AccountID     string `json:"account_id"`
	// 1 to 2^53 - 1, whole cents.
	AmountCents     int64  `json:"amount_cents"`
	TransactionType string `json:"transaction_type"`
	// Unique over all accounts, at most 255 characters.
	IdempotencyKey string `json:"idempotency_key"`
	// When it happened, RFC 3339.
	Timestamp time.Time `json:"timestamp"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run . <account id>")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, accountID string) error {
	url := os.Getenv("RABBITMQ_URL")
	if url == "" {
		url = "amqp://guest:guest@127.0.0.1:5672"
	}
	connection, err := amqp.Dial(url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer connection.Close()
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	// Without arguments, as the contract has it: with any the processor's own declaration would be refused.
	if _, err := channel.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		return err
	}
	if err := channel.Confirm(false); err != nil {
		return err
	}
	for _, one := range []struct {
		kind  string
		cents int64
	}{{"DEPOSIT", 10_000}, {"PURCHASE", 2_500}} {
		id := newUUID()
		transaction := Transaction{
			TransactionID:   id,
			AccountID:       accountID,
			AmountCents:     one.cents,
			TransactionType: one.kind,
			IdempotencyKey:  "example:" + id,
			Timestamp:       time.Now().UTC(),
		}
		if err := publish(ctx, channel, transaction); err != nil {
			return err
		}
		fmt.Printf("%s of %d cents published: %s\n", one.kind, one.cents, id)
	}
	return nil
}

// An error says that the broker may not have it. Publishing it again, unchanged, does no harm.
func publish(ctx context.Context, channel *amqp.Channel, transaction Transaction) error {
	body, err := json.Marshal(transaction)
	if err != nil {
		return err
	}
	confirmation, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", queue, false, false, amqp.Publishing{
		ContentType:  "application/json",
		DeliveryMode: amqp.Persistent,
		MessageId:    transaction.TransactionID,
		Body:         body,
	})
	if err != nil {
		return err
	}
	isThere, err := confirmation.WaitContext(ctx)
	if err != nil {
		return fmt.Errorf("not confirmed: %w", err)
	}
	if !isThere {
		return errors.New("the broker refused it")
	}
	return nil
}

// A random UUID (version 4).
func newUUID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
